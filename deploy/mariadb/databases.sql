-- One database per owner. MariaDB's image runs this file once, when the volume is empty.
CREATE DATABASE notification_db;
CREATE DATABASE users_db;
CREATE DATABASE templates_db;
GRANT ALL ON notification_db.* TO angarium;
GRANT ALL ON users_db.* TO angarium;
GRANT ALL ON templates_db.* TO angarium;
