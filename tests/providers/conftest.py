import pytest

# Each provider's folder inherits the suites; their assertions should explain themselves there too.
pytest.register_assert_rewrite("contract", "mapping_contract")
