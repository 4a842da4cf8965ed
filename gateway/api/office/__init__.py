"""The office API: registrars import forms and look up the students of their schools."""
