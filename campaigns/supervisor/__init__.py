"""`campaigns up`: starts, watches and stops the processes."""
