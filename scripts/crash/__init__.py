"""Kills workers with SIGKILL while they refund, and accounts for every reference afterwards."""
