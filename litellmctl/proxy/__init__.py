"""What a LiteLLM proxy speaks. Nothing here knows Click, files or the keyring."""
