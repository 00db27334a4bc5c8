"""`python -m web.cli` is `voltward`."""

from web.cli.main import run

if __name__ == "__main__":
    run()
