"""All that a command or a service may need, loaded: what a program started by `program` begins with."""

import gc

import web.app
import web.cli.main
import web.data_folder
import web.restore
import web.serve
import web.signer

web.app._router()
gc.collect()
gc.freeze()
