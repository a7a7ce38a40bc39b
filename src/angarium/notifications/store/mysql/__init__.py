"""The notification store on MariaDB and MySQL."""
