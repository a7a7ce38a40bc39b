"""RabbitMQ, on aiormq's connection and our own frames."""
