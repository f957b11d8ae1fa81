"""The logger of a Lambda function."""

import logging
import os

from aws_lambda_powertools import Logger


def make_logger() -> Logger:
    """Return a logger that leaves out what is below POWERTOOLS_LOG_LEVEL, in any Lambda.

    Powertools prefers the level that Lambda itself filters by. That one may not be above INFO: Lambda counts a line
    without a level as INFO, and each metric is such a line.
    """
    logger = Logger()
    if level := os.environ.get("POWERTOOLS_LOG_LEVEL"):
        logging.getLogger(logger.name).setLevel(level)
    return logger
