"""What a finished or running run looks like: tables, figures, pages."""
