"""People and scripts: console, REST and command line. Imports `csms_bridge` and `pki`."""
