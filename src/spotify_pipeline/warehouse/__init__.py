"""The warehouse: staging and ops tables, their migrations, the bulk upsert and the roles."""
