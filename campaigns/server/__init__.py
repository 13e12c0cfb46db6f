"""The ASGI server in front of the app: slow clients wait here, where they hold no thread."""
