"""What happened: table schemas, column buffers, sketches and the glossary of metrics."""
