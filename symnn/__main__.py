"""``python -m symnn``: the same as the command ``symnn``."""

from symnn.cli.main import main

if __name__ == "__main__":
    main()
