"""What the gateway promises in figures, measured on this machine; `./dev bench` runs it."""
