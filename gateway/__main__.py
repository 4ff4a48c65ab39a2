"""``python -m gateway`` is the command ``faxgw``."""

from gateway.cli import main

if __name__ == "__main__":
    main()
