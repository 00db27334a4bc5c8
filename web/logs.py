"""Logs: structlog to standard error, lines for people at a terminal, JSON for machines.

Log events have fixed names and variable fields. Libraries that would log whole messages, passwords included, are
held to warnings.
"""

import logging
import sys
from typing import TextIO

import structlog

# `ocpp` logs every message, `websockets` every frame at debug level, uvicorn every address that is fetched.
_TALKATIVE = ("ocpp", "websockets", "uvicorn.access", "httpx", "httpcore", "asyncio", "alembic")


def set_up_logs(level: str, stream: TextIO | None = None) -> None:
    """Send our events and the libraries' warnings to `stream`, standard error unless told otherwise."""
    stream = stream or sys.stderr
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(number),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=processors,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(stream)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def _renderer(stream: TextIO) -> structlog.typing.Processor:
    if stream.isatty():
        return structlog.dev.ConsoleRenderer()
    return structlog.processors.JSONRenderer()
