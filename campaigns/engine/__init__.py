"""The sending engine: claims, connections, the shared limiter, and feedback from replies."""
