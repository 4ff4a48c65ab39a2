"""Pages: every hostile decoder runs in a limited child process; one file per kind of document."""
