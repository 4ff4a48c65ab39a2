"""The HTTP side: webhooks from the provider, health and figures for the operator."""
