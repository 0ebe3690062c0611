"""``python -m runwire``: the command line."""

from runwire._command import main

if __name__ == "__main__":
    main()
