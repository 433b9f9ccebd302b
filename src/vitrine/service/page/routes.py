"""The pages' routes."""

from __future__ import annotations

from fastapi import APIRouter

from vitrine.service.page import assets, browse, figures, item, maps, photo, you

router = APIRouter()
for module in (assets, browse, item, photo, maps, figures, you):
    router.include_router(module.router)
