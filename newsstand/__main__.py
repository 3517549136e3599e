"""`python -m newsstand` is the `newsstand` command."""

from newsstand.cli.main import main

if __name__ == "__main__":
    main()
