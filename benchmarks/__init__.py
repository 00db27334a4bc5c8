"""Speed and memory, each beside the limit of this machine measured in the same run. `make bench` prints them."""
