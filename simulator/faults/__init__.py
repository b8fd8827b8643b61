"""What goes wrong, and comes right again: cuts, crashes, stopped components."""
