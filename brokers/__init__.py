"""Where orders go: what a broker must be able to do, its errors, and the simulated one."""
