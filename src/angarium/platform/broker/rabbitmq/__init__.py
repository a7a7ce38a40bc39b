"""RabbitMQ, over aiormq's connection, with our own encoding of frames."""
