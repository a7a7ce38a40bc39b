-- One database for each owner; MariaDB's image runs this once, on an empty volume.
CREATE DATABASE notification_db;
CREATE DATABASE users_db;
CREATE DATABASE templates_db;
GRANT ALL ON notification_db.* TO angarium;
GRANT ALL ON users_db.* TO angarium;
GRANT ALL ON templates_db.* TO angarium;
