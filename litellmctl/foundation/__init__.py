"""What knows nothing of LiteLLM, Click or terminals: files, time, threads, text, URLs."""
