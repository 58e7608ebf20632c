-- Forgets what a subscription has received.
delete from __schema__.inbox where subscription = $1
