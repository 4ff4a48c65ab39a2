"""The configuration: TOML in, typed settings out. Unknown keys are errors; all errors at once, with place."""

from gateway.config.loading import find_notices, load_config, load_gateway_settings
from gateway.config.problems import ConfigError, Problem
from gateway.config.settings import Config

__all__ = ["Config", "ConfigError", "Problem", "find_notices", "load_config", "load_gateway_settings"]
