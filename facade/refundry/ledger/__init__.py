"""What is known of each reference, and what may happen to it next."""
