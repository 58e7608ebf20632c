-- `on` on a standby, or if the session begins its transactions as read only.
show transaction_read_only
