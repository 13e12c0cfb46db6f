"""Campaigns, a newsletter and campaign manager that accounts for every recipient."""
