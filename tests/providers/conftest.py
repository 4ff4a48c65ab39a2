import pytest

# Each provider's folder inherits the suite; its assertions should explain themselves there too.
pytest.register_assert_rewrite("contract")
