"""Review and launch a campaign on its pages."""

from typing import Any

from flask.testing import FlaskClient

from campaigns.campaign.models import Campaign
from tests.readback import fresh_campaign


def review(client: FlaskClient, campaign: Campaign) -> str:
    return client.get(f"/campaigns/{campaign.public_id}/review").text


def launch(client: FlaskClient, campaign: Campaign, form: dict[str, str]) -> Any:
    """Launch to 60 recipients."""
    version = str(fresh_campaign(campaign).version)
    return client.post(
        f"/campaigns/{campaign.public_id}/review",
        data={"version": version, "recipients": "60", "when": "now", **form},
    )
