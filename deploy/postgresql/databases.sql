-- One database for each owner; PostgreSQL's image runs this once, on an empty volume.
CREATE DATABASE notification_db;
CREATE DATABASE users_db;
CREATE DATABASE templates_db;
