"""What a database of MariaDB or MySQL begins with, in place of the first migrations."""
