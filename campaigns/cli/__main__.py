"""`python -m campaigns.cli`, with which the supervisor starts our own programs."""

from campaigns.cli import main

if __name__ == "__main__":
    main()
