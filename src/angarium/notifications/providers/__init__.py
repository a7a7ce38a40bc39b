"""The providers of every channel as their workers share them: circuit breakers, answers, demand."""
