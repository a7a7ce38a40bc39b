-- One database per owner. PostgreSQL's image runs this file once, when the volume is empty.
CREATE DATABASE notification_db;
CREATE DATABASE users_db;
CREATE DATABASE templates_db;
