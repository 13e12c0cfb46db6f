"""The balance of one campaign, by which tests check that every outcome is accounted for."""

from campaigns.reports.balance import Balance, campaign_balances


def campaign_balance(campaign_id: int) -> Balance:
    return campaign_balances([campaign_id]).get(campaign_id, Balance())
