"""The ASGI server in front of the app: slow clients wait here without occupying a thread."""
