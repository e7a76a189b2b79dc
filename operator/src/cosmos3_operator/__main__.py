"""`python -m cosmos3_operator`."""

from cosmos3_operator.cli.main import main

if __name__ == "__main__":
    main()
