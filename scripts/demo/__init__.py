"""The main job in one run, over HTTP to the sandbox: `python -m scripts.demo`."""
