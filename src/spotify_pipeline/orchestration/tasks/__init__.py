"""Functions of the DAGs' tasks; each calls one stage."""
