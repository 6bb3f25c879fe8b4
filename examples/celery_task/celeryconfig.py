"""Where the broker is. What keeps a refund safe is said in tasks.py, at the task."""

broker_url = "amqp://guest@localhost//"
result_backend = "rpc://"
worker_prefetch_multiplier = 1  # a worker takes no refund before it has time for it
