// What the scenarios share in writing documents.
#pragma once

#include <memory>

#include "base/proto_time.h"
#include "surgewatch/v1/events.pb.h"

namespace surgewatch::simulate {

// Keeps the document that an Event's oneof would free when the kind changes, with the memory of its
// parties: allocation would be the larger half of what an event costs.
class SpareDocuments {
 public:
  // The event's document of that kind; it may hold what an earlier event said.
  v1::Invoice* invoice(v1::Event* event) {
    if (!event->has_invoice()) {
      if (event->has_shipment()) shipment_.reset(event->release_shipment());
      if (invoice_) event->set_allocated_invoice(invoice_.release());
    }
    return event->mutable_invoice();
  }
  v1::Shipment* shipment(v1::Event* event) {
    if (!event->has_shipment()) {
      if (event->has_invoice()) invoice_.reset(event->release_invoice());
      if (shipment_) event->set_allocated_shipment(shipment_.release());
    }
    return event->mutable_shipment();
  }

 private:
  std::unique_ptr<v1::Invoice> invoice_;
  std::unique_ptr<v1::Shipment> shipment_;
};

}  // namespace surgewatch::simulate
