"""The logger of a Lambda function."""

import logging
import os

from aws_lambda_powertools import Logger


def make_logger() -> Logger:
    """Return a logger with the level of POWERTOOLS_LOG_LEVEL, whatever Lambda's own log level is.

    Powertools prefers Lambda's level. That level may not be above INFO: Lambda treats a line without a level as INFO,
    and each metric is such a line.
    """
    logger = Logger()
    if level := os.environ.get("POWERTOOLS_LOG_LEVEL"):
        logging.getLogger(logger.name).setLevel(level)
    return logger
