"""Pages of orchestrators as the settings of their mechanisms, field by field: nothing is decided here."""
